terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

output "image" {
  # { registry = "registry.example", repository = "macos/sonoma", tag = "14.6", digest = null }
  value = provider::espalier::parse_image_reference("registry.example/macos/sonoma:14.6")
}
