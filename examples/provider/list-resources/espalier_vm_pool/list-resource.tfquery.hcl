provider "espalier" {
  instance = "example"
}

list "espalier_vm_pool" "runners" {
  provider = espalier

  config {
    namespace = "default"
  }
}
