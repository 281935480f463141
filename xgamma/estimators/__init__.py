"""What is measured from datasets and models: flux points, light curves, maps, significance."""
