terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_image_cache" "nightly" {
  name      = "nightly"
  images    = ["registry.example/macos/sonoma:14.6"]
  all_hosts = true

  # Whatever the tag stands for now, whenever the list is changed.
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.espalier_image_cache_refresh.nightly]
    }
  }
}

action "espalier_image_cache_refresh" "nightly" {
  config {
    name = "nightly"
  }
}
