terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_image_caches" "all" {}

output "images" {
  value = toset(flatten(data.espalier_image_caches.all.items[*].images))
}
