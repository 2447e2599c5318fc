"""What every store promises, whichever the database: mixins, and the worlds in which they are tried."""
