"""Why a pull fails: `facts` are gathered once, `checks` judge them and ask nobody."""
