#!/bin/sh
# git's GIT_ASKPASS: answers with the token, and only for the host it belongs to (a redirect may ask for another one).
case "$1" in
  "Password for "*"@$COPILOT_ASKPASS_HOST': ") printf '%s\n' "$COPILOT_ASKPASS_TOKEN" ;;
  *) exit 1 ;;
esac
