provider "espalier" {
  instance = "example"
}

list "espalier_image_cache" "all" {
  provider = espalier
}
