update engine
set epoch = epoch + 1
