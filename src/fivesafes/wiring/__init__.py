"""Settings become running things here, one file per thing: the only room that knows every concrete class."""
