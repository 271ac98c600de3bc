# The layer, a function that uses it, and the flags that it reads:
#
#   ./build_layer.sh --arch arm64
#   cd examples/terraform && terraform init && terraform apply

terraform {
  required_version = ">= 1.5"
  required_providers {
    archive = { source = "hashicorp/archive" }
    aws     = { source = "hashicorp/aws", version = ">= 5" }
  }
}

variable "layer" {
  type        = string
  default     = "../../dist/fastext-arm64.zip"
  description = "The archive that build_layer.sh makes"
}

resource "aws_lambda_layer_version" "fastext" {
  layer_name               = "fastext-arm64"
  filename                 = var.layer
  source_code_hash         = filebase64sha256(var.layer)
  compatible_architectures = ["arm64"]
  license_info             = "Apache-2.0"
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "../function"
  output_path = "function.zip"
}

resource "aws_lambda_function" "shop" {
  function_name    = "shop"
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  handler          = "app.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  timeout          = 10
  role             = aws_iam_role.shop.arn
  layers           = [aws_lambda_layer_version.fastext.arn]

  environment {
    variables = {
      AWS_APPCONFIG_EXTENSION_PREFETCH_LIST = "shop:production:features"
    }
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"]
    resources = ["${aws_appconfig_environment.production.arn}/configuration/*"]
  }
}

resource "aws_iam_role" "shop" {
  name               = "shop"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "read" {
  role   = aws_iam_role.shop.id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.shop.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_appconfig_application" "shop" {
  name = "shop"
}

resource "aws_appconfig_environment" "production" {
  application_id = aws_appconfig_application.shop.id
  name           = "production"
}

resource "aws_appconfig_configuration_profile" "features" {
  application_id = aws_appconfig_application.shop.id
  name           = "features"
  location_uri   = "hosted"
  type           = "AWS.AppConfig.FeatureFlags"
}

resource "aws_appconfig_hosted_configuration_version" "features" {
  application_id           = aws_appconfig_application.shop.id
  configuration_profile_id = aws_appconfig_configuration_profile.features.configuration_profile_id
  content_type             = "application/json"
  content = jsonencode({
    version = "1"
    flags   = { dark_mode = { name = "Dark mode" } }
    values  = { dark_mode = { enabled = true } }
  })
}

resource "aws_appconfig_deployment" "features" {
  application_id           = aws_appconfig_application.shop.id
  environment_id           = aws_appconfig_environment.production.environment_id
  configuration_profile_id = aws_appconfig_configuration_profile.features.configuration_profile_id
  configuration_version    = aws_appconfig_hosted_configuration_version.features.version_number
  deployment_strategy_id   = "AppConfig.AllAtOnce"
}
