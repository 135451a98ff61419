terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_image_cache" "build_images" {
  name        = "build-images"
  images      = ["registry.example/macos/sonoma:14.6"]
  host_labels = { rack = "a" }
}
