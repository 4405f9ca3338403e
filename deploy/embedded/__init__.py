"""What an embedded Kafka needs: its jars, a Java, free ports and a process to watch."""
