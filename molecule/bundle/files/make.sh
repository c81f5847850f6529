# Make the bundle as a user does, with a look-alike of the Hub for the Hub. Wants: ROOT (of the checkout), PYTHON, BUNDLE.
set -eu
cd "$ROOT"
mkdir -p "$BUNDLE"
"$PYTHON" roles/vllm_simulator/files/image.py --image gpt-oss-fleet/vllm-simulator:bundle >&2
printf 'made up' > "$BUNDLE/o200k_base.tiktoken"
rm -f "$BUNDLE/hub.json"
"$PYTHON" tests/lookalike_hub --model openai/gpt-oss-20b=inventories/demo/files/model > "$BUNDLE/hub.json" &
hub=$!
trap 'kill $hub' EXIT
until [ -s "$BUNDLE/hub.json" ]; do kill -0 $hub && sleep 0.1; done
endpoint=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["endpoint"])' "$BUNDLE/hub.json")
cat > "$BUNDLE/variables.json" <<END
{
    "bundle_path": "$BUNDLE/gpt-oss-bundle",
    "bundle_archive": "$BUNDLE/gpt-oss-bundle.tar",
    "bundle_models": [{"repo_id": "openai/gpt-oss-20b", "endpoint": "$endpoint"}],
    "bundle_pythons": ["3.11", "3.13"],
    "bundle_vocabulary": [{"name": "o200k_base.tiktoken", "sha256": "$(sha256sum < "$BUNDLE/o200k_base.tiktoken" | cut -c 1-64)"}],
    "bundle_vocabulary_source": "$BUNDLE",
    "bundle_data": {"gpqa": ["$ROOT/inventories/demo/files/gpqa_demo.csv"]},
    "bundle_images": ["gpt-oss-fleet/vllm-simulator:bundle"]
}
END
ansible-playbook gpt_oss.fleet.bundle -i localhost, -e "@$BUNDLE/variables.json"
