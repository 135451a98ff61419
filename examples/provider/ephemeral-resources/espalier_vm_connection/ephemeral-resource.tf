terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_vm" "builder" {
  name  = "builder"
  image = "registry.example/macos/sonoma:14.6"
}

# With the uid it is asked for once this run has made the VM.
ephemeral "espalier_vm_connection" "builder" {
  name    = espalier_vm.builder.name
  uid     = espalier_vm.builder.uid
  timeout = "5m"
}

resource "terraform_data" "setup" {
  triggers_replace = [espalier_vm.builder.uid]

  provisioner "local-exec" {
    command = "test -n \"$ADDRESS\" # ssh -p \"$PORT\" \"admin@$ADDRESS\" ./setup.sh"
    environment = {
      ADDRESS = ephemeral.espalier_vm_connection.builder.address
      PORT    = ephemeral.espalier_vm_connection.builder.ssh_port
    }
  }
}
