-- m: where the tokens of the usage's model are counted. A name too many has no place of its own.
local model = A[u + 7]
m = model_index[model]
if not m then
  m = OTHER_MODELS + 4
  while S[m] and S[m] ~= model do m = m + 4 end
  if model == '(other)' or (not S[m] and m > OTHER_MODELS + 4 * MODEL_LIMIT) then
    m = OTHER_MODELS
  elseif not S[m] then
    S[m], S[m + 1], S[m + 2], S[m + 3] = model, 0, 0, 0
  end
  model_index[model] = m
end
