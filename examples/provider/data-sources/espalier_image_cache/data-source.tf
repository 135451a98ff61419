terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_image_cache" "build_images" {
  name = "build-images"
}

output "images" {
  value = data.espalier_image_cache.build_images.images
}
