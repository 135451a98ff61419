terraform import espalier_host.mac_01 mac-01
