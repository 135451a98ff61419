terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

# Engine and token come from ESPALIER_ENGINE and ESPALIER_TOKEN.
provider "espalier" {
  # Under this name the state owns what it declares: no other state may use it.
  instance = "ci"
}
