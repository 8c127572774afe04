"""The haven's flows: what is kept, for how long, for whom; each deed is written with its event or not at all."""
