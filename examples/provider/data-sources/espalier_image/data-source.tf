terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_image" "sonoma" {
  name = "sonoma"
}

output "digest" {
  value = data.espalier_image.sonoma.status.digest
}
