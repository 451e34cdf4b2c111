"""What the booking function, the walls and the schema hold, one caller at a time."""
