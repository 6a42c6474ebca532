"""The record in Redis: keys and layout are in `lua/places.lua`, every change of state is one script in `lua/`."""
