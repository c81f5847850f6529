# What needs real vLLM needs these: the environment, an image of it, the tiny model. Sourced, never run; names them in
# VENV, ACCEPTANCE_IMAGE and ACCEPTANCE_MODEL. `here` is this file's folder.
. "$here/env.sh"
begun=$SECONDS
"$here/install.sh" >/dev/null
say "environment: $VENV ($((SECONDS - begun)) s)"
# The model is a matter of the processor, the image of the disk: they are made at the same time.
begun=$SECONDS
"$here/image.sh" >/dev/null &
image=$!
ACCEPTANCE_MODEL=$("$here/model.sh")
wait "$image"
ACCEPTANCE_IMAGE=$IMAGE
say "image: $ACCEPTANCE_IMAGE, model: $ACCEPTANCE_MODEL ($((SECONDS - begun)) s)"
