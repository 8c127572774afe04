"""Ways in: the command line now; web, REST, DICOM and HTTPS later."""
