"""The durable record of everything, in one set of records and several stores."""
