# What Terraform owns in the tour: two images, a cache, a macOS VM and a Linux VM.

terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

variable "registry" {
  description = "host:port of the registry of the tour"
  type        = string
}

# Endpoint and token come from ESPALIER_ENGINE and ESPALIER_TOKEN. The instance names this state as an
# owner: what it declares belongs to "terraform tour".
provider "espalier" {
  instance = "tour"
}

resource "espalier_image" "sonoma" {
  name      = "sonoma"
  reference = "${var.registry}/macos/sonoma:14"
}

resource "espalier_image" "tiny" {
  name      = "tiny"
  reference = "${var.registry}/linux/tiny:1"
}

resource "espalier_image_cache" "macs" {
  name   = "macs"
  images = [espalier_image.sonoma.name]
  hosts  = ["mac-01", "mac-02"]
}

resource "espalier_vm" "signing" {
  name       = "signing"
  image      = espalier_image.sonoma.name
  cpu        = 4
  memory_mib = 8192
}

resource "espalier_vm" "web" {
  name       = "web"
  image      = espalier_image.tiny.name
  cpu        = 1
  memory_mib = 256
  ports      = { http = { guest = 80 } }
}

output "web" {
  description = "where the guest's web server is reached"
  value       = "http://${espalier_vm.web.status.ip}:${espalier_vm.web.status.ports.http}/"
}
