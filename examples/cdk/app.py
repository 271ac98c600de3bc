"""The layer, a function that uses it, and the flags that it reads.

./build_layer.sh --arch arm64
cd examples/cdk && pip install -r requirements.txt && cdk deploy
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_appconfig as appconfig
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

FLAGS = {
    "version": "1",
    "flags": {"dark_mode": {"name": "Dark mode"}},
    "values": {"dark_mode": {"enabled": True}},
}

app = cdk.App()
stack = cdk.Stack(app, "Shop")

application = appconfig.Application(stack, "Application", application_name="shop")
production = appconfig.Environment(
    stack, "Production", application=application, environment_name="production"
)
features = appconfig.HostedConfiguration(
    stack,
    "Features",
    application=application,
    name="features",
    type=appconfig.ConfigurationType.FEATURE_FLAGS,
    content=appconfig.ConfigurationContent.from_inline_json(json.dumps(FLAGS)),
    deploy_to=[production],
    deployment_strategy=appconfig.DeploymentStrategy(
        stack,
        "AtOnce",
        rollout_strategy=appconfig.RolloutStrategy.ALL_AT_ONCE,
    ),
)

layer = lambda_.LayerVersion(
    stack,
    "Fastext",
    code=lambda_.Code.from_asset(
        app.node.try_get_context("layer") or "../../dist/fastext-arm64.zip"
    ),
    compatible_architectures=[lambda_.Architecture.ARM_64],
    license="Apache-2.0",
)
shop = lambda_.Function(
    stack,
    "Function",
    code=lambda_.Code.from_asset("../function"),
    handler="app.handler",
    runtime=lambda_.Runtime.PYTHON_3_13,
    architecture=lambda_.Architecture.ARM_64,
    timeout=cdk.Duration.seconds(10),
    layers=[layer],
    environment={"AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": "shop:production:features"},
)
shop.add_to_role_policy(
    iam.PolicyStatement(
        actions=["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"],
        resources=[f"{production.environment_arn}/configuration/*"],
    )
)

app.synth()
