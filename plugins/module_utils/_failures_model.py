# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures of the model - data: the Hub, the cache, weights, vocabulary."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

BRING = "bring the model into the cache with the role hf_cache (module hf_model) and start with vllm_offline: true"

MODEL = (
    Failure(
        "vocabulary_offline",
        r"error downloading or loading vocab file(?P<what>.*)",
        "the harmony vocabulary is not in the image and could not be downloaded (vLLM 0.30 and older){what}",
        "mount a folder with o200k_base.tiktoken and cl100k_base.tiktoken and set TIKTOKEN_ENCODINGS_BASE to it, "
        "or use vLLM 0.31 or newer",
        "run, openai-harmony 0.0.8",
        "3.9",
    ),
    Failure(
        "model_gated",
        r"GatedRepoError|Cannot access gated repo for url|Access to model \S+ is restricted"
        r"|trying to access a gated repo",
        "{model} is gated: the Hub wants its terms to be accepted first",
        "accept the terms on the model's page with the account of the token, and put the token into environment "
        "(HF_TOKEN); "
        "openai/gpt-oss-20b and -120b are not gated: check the name",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.1",
    ),
    Failure(
        "revision_not_found",
        r"(?P<what>\S+) is not a valid git identifier",
        "{model} has no revision {what} (branch, tag or commit) on the Hub",
        "check --revision in arguments and the revision that the role hf_cache was told",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "revision_not_found",
        r"Revision Not Found for url: \S+|RevisionNotFoundError",
        "{model} has no such revision (branch, tag or commit) on the Hub: {line}",
        "check --revision in arguments and the revision that the role hf_cache was told",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "hub_rate_limited",
        r"429 Too Many Requests|429 Client Error",
        "the Hub refuses for a while, too many requests came from this address or account (429): {line}",
        f"wait, use a token (HF_TOKEN), or {BRING}: a fleet that downloads from the Hub at once runs into this",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "hub_unauthorized",
        r"Invalid (?:username or password|credentials in Authorization header)|401 (?:Client Error|Unauthorized)",
        "the Hub does not accept the token, or wants one (401): {line}",
        "correct or remove HF_TOKEN in environment (an expired token is refused even for public models); without a "
        "token the "
        "Hub answers 401 for a model that does not exist, too: check the model's name",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "hub_forbidden",
        r"403 (?:Client Error|Forbidden)",
        "the Hub knows the account and refuses it this content (403): {line}",
        "give the token the right to read this repository (fine-grained tokens need it for each), or ask the model's "
        "owner; "
        "a proxy that forbids huggingface.co answers so, too",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "model_incomplete",
        r"IncompleteSnapshotError|cached snapshot for (?P<what>'\S+') .*is incomplete"
        r"|Weight files referenced in index but missing: (?P<files>.+)"
        r"|Cannot find any model weights with (?P<folder>\S+)",
        "{model} is in the cache, but not wholly: {line}",
        f"{BRING}; for vLLM 0.13 to 0.24 with a cache less original/* and metal/* name the snapshot's folder as the "
        "model "
        "(and served_model_name), or take the cache's folder trees/ away",
        "run, 0.32.0; huggingface_hub 2.4.0",
        "0.10",
    ),
    Failure(
        "hub_failed",
        r"5\d\d Server Error|50[0234] (?:Internal Server Error|Bad Gateway|Service (?:Unavailable|Temporarily)"
        r"|Gateway Time)"
        r".*",
        "the Hub, or a proxy before it, failed: {line}",
        f"try again later (https://status.huggingface.co), or {BRING}",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "hub_unreachable",
        r"(?P<what>Got: (?:\w*\.)?(?:ConnectError|ConnectTimeout|ConnectionError|ReadTimeout|ProxyError|SSLError).*)"
        r"|We couldn't connect to '(?P<url>\S+)' to load|NameResolutionError|Temporary failure in name resolution"
        r"|Max retries exceeded with url|httpx2?\.(?:Connect|Timeout|Proxy|Read|Network)\w*(?:: .*)?",
        "the Hub cannot be reached from inside the container, and {model} is not in its cache: {line}",
        f"{BRING}; or check DNS, proxy (https_proxy in environment) and HF_ENDPOINT as the container sees them",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "model_not_cached",
        r"LocalEntryNotFoundError|Cannot find an appropriate cached snapshot folder|OfflineModeIsEnabled",
        "{model} is not in the cache that the container sees, and downloading is switched off (HF_HUB_OFFLINE) or "
        "failed",
        "bring the model into the cache (module hf_model, role hf_cache) and mount it at /root/.cache/huggingface",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "model_folder_missing",
        r"HFValidationError: .*: '(?P<what>[^']+)'"
        r"|Invalid repository ID or local directory specified: '(?P<other>[^']+)'",
        "{what}{other} is neither the name of a model on the Hub, nor a folder in the container that holds a "
        "config.json",
        "mount the model's folder (volumes) and give its path inside the container; or correct the model's name",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "model_not_found",
        r"RepositoryNotFoundError|404 (?:Client Error|Not Found)|is not a valid model identifier",
        "there is no model {model} on the Hub (404): {line}",
        "check the model's name, and HF_ENDPOINT in environment where a mirror is asked",
        "run, huggingface_hub 2.4.0 in 0.32.0",
        "4.2",
    ),
    Failure(
        "weights_corrupt",
        r"SafetensorError: (?P<what>.+)|(?P<other>Error while deserializing header.*)"
        r"|(?P<third>unexpected EOF, expected \d+ more bytes.*)|PytorchStreamReader failed",
        "a file of weights is damaged, cut short, or no safetensors file at all: {what}{other}{third}",
        "bring the model anew and have it verified (module hf_model with verify); a file of a few hundred bytes is a "
        "Git LFS "
        "pointer",
        "run, 0.32.0, safetensors 0.8.0",
        "4.2",
    ),
    Failure(
        "weights_unreadable",
        r"FileNotFoundError: (?:\[Errno 2\] )?No such file or directory: ['\"]?(?P<what>\S+?\.safetensors)",
        "the server cannot open {what}: it is not there, or the user that the container runs as may not read it",
        "let that user read the cache (chmod -R a+rX); the whole cache is to be mounted, since its files are links to "
        "others",
        "run, 0.32.0, safetensors 0.8.0",
        "4.2",
    ),
    Failure(
        "weights_mismatch",
        r"(?P<what>Tried to load weights of size .*|size of tensor a \(\d+\) must match the size of tensor b.*"
        r"|There is no module or parameter named .*|Following weights were not initialized from checkpoint.*"
        r"|size mismatch for .*)",
        "the weights do not fit the model's configuration: {what}",
        "bring the model anew (module hf_model): config.json and weights are of different models or revisions",
        "run, 0.32.0",
        "4.2",
    ),
    Failure(
        "transformers_too_old",
        r"has model type `(?P<what>\w+)`|KeyError: '(?P<other>gpt_oss)'",
        "the Transformers library in the image does not know this type of model ({what}{other})",
        "take a newer image (gpt-oss needs vLLM 0.10.1 or newer)",
        "run, 0.32.0",
        "3.5",
    ),
    Failure(
        "architecture_not_supported",
        r"Model architectures? (?P<what>\[[^\]]*\]|\w+) (?:are|is|was|failed)",
        "this vLLM cannot serve a model of the architecture {what}",
        "take an image whose vLLM knows it (gpt-oss: 0.10.1 or newer), or check that config.json is the model's",
        "run, 0.32.0",
        "3.7",
    ),
    Failure(
        "quantization_not_supported",
        r"Unknown quantization method: (?P<what>\w+)|quantization method (?P<other>\w+) is not supported"
        r"|The quantization method (?P<third>\w+) .*[Mm]inimum capability: (?P<least>\d+)"
        r"|(?P<fourth>\w+) quantization is (?:currently )?not supported",
        "this vLLM, or this GPU, does not do the model's quantization {what}{other}{third}{fourth}",
        "take a newer image, leave --quantization out of arguments, or use a GPU that can",
        "run, 0.32.0",
        "3.2",
    ),
)
