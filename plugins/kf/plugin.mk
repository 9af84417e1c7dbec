# QR pictures of links.
PLUGIN_LIBS_kf := -lqrencode
