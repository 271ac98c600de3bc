"""A function that reads a flag from the extension beside it."""

import json
import os
import urllib.request

PORT = os.environ.get("AWS_APPCONFIG_EXTENSION_HTTP_PORT", "2772")
URL = f"http://localhost:{PORT}/applications/shop/environments/production/configurations/features"


def handler(event, context):
    with urllib.request.urlopen(f"{URL}?flag=dark_mode") as answer:
        flag = json.load(answer)
    return {"dark": flag["enabled"]}
