terraform import espalier_vm_pool.runners default/runners
