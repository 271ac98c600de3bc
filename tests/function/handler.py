"""The function of the user guide's own example, and one with flags."""

import json
import urllib.request


def lambda_handler(event, context):
    url = f"http://localhost:{event['port']}/applications/shop/environments/production/configurations/{event['configuration']}"
    config = urllib.request.urlopen(url).read()
    return json.loads(config)
