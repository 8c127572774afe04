"""From converted images to a clean BIDS data set: names, sidecars, headers, and the texts around them."""
