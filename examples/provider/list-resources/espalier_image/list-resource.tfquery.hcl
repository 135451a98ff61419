provider "espalier" {
  instance = "example"
}

list "espalier_image" "all" {
  provider = espalier
}
