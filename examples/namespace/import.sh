terraform import espalier_namespace.ci ci
