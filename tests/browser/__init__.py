"""What is proven by clicking in a real Chromium."""
