terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

output "vm" {
  value = provider::espalier::ref("ci", "signing") # "ci/signing"
}

output "host" {
  value = provider::espalier::ref(null, "mac-01") # "mac-01"
}
