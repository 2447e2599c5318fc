"""Tests of the stores for every database: mixins, and the databases that they run on."""
