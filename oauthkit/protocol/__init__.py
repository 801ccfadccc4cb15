"""What the RFCs say, without I/O: functions and values for anybody's HTTP client."""
