"""People, business units and rights. Sole importer of guardian; every door asks `rights_of`."""
