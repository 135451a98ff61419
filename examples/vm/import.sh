terraform import espalier_vm.signing default/signing
