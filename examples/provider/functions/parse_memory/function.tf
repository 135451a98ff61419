terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

output "memory_mib" {
  value = provider::espalier::parse_memory("12GiB") # 12288
}
