PLUGIN_LIBS_simulator := -lm
