terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_images" "all" {}

output "digests" {
  value = { for image in data.espalier_images.all.items : image.name => image.status.digest }
}
