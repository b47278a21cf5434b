# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Terraform, its providers, and whom they act as.
#
# Outbound federation is known to hashicorp/aws from 6.26. hashicorp/azurerm 5 names the parent of a
# federated credential `user_assigned_identity_id`; 4 called it `parent_id`.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.26, < 7.0"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

# Refuses to act in any other account.
provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["123456789012"]
}

provider "azurerm" {
  environment     = "public"
  tenant_id       = "11111111-2222-4333-8444-555555555555"
  subscription_id = var.azure_subscription_id

  features {}
}

provider "google" {
  project = var.google_project_id
}
