"""Cold layer: why a pull fails: `facts` are gathered once, `checks` judge them and ask nobody."""
