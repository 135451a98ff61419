terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_image" "sonoma" {
  name      = "sonoma"
  reference = "registry.example/macos/sonoma:14.6"
}
