"""Where weights come from: presets, hubs, folders, single files and LoRAs."""
