"""Parts of drawn faces; see pre_processing.render."""
