terraform import espalier_image.sonoma sonoma
